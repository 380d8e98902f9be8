"""A script as the Workbench's tutorial has it: trains on Fisher's flowers, logs, and leaves a model."""
import os
import pickle
import sys

import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from azureml.logging import get_azureml_logger

# initialize the logger
run_logger = get_azureml_logger()

# create the outputs folder
os.makedirs('./outputs', exist_ok=True)

print('Python version: {}'.format(sys.version))

X, Y = load_iris(return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.35, random_state=0)

# change regularization rate and you will likely get a different accuracy.
reg = 0.01
if len(sys.argv) > 1:
    reg = float(sys.argv[1])
print('Regularization rate is {}'.format(reg))

# log the regularization rate
run_logger.log('Regularization Rate', reg)

clf = LogisticRegression(C=1 / reg, max_iter=1000).fit(X_train, Y_train)
accuracy = clf.score(X_test, Y_test)
print('Accuracy is {}'.format(accuracy))

# every kind of value that scripts log
done = run_logger.log('Accuracy', np.float64(accuracy))
run_logger.log('Flowers', np.int64(len(X)))
run_logger.log('Curve', [np.float32(0.5), 0.25, np.float64(0.125)])
run_logger.log('Importances', np.abs(clf.coef_).mean(axis=0).round(3))
run_logger.log('Confusion', confusion_matrix(Y_test, clf.predict(X_test)))
run_logger.log('Classes', {'names': tuple('abc'), 'sizes': np.bincount(Y)})
run_logger.log('Finite', np.float64('nan'))
run_logger.log('Converged', np.bool_(True))
done.wait()

# serialize the model on disk in the special 'outputs' folder
with open('./outputs/model.pkl', 'wb') as f:
    pickle.dump(clf, f)
run_logger.upload('outputs/report.txt', 'accuracy {:.3f}\n'.format(accuracy))

# load the model back from the 'outputs' folder into memory
with open('./outputs/model.pkl', 'rb') as f:
    clf2 = pickle.load(f)
print('Predicted class is {}'.format(clf2.predict([[3.0, 3.6, 1.3, 0.25]])))
