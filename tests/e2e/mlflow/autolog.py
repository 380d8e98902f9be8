"""scikit-learn under autolog, a grid search, models: as people write it."""
import warnings

warnings.filterwarnings("ignore")
import mlflow
import mlflow.sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

X, y = load_iris(return_X_y=True)
mlflow.set_experiment("auto")
mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run(run_name="fit") as run:
    model = LogisticRegression(max_iter=300).fit(X, y)
    mlflow.log_metric("own", 1.5)
got = mlflow.get_run(run.info.run_id)
assert got.data.params["C"] == "1.0" and len(got.inputs.dataset_inputs) == 1, got
with mlflow.start_run(run_name="grid", nested=True) as grid:
    GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.1, 1.0]}, cv=2).fit(X, y)
children = mlflow.search_runs(filter_string="tags.mlflow.parentRunId = '%s'" % grid.info.run_id)
assert sorted(children["params.C"]) == ["0.1", "1.0"], children
mlflow.sklearn.autolog(disable=True)
with mlflow.start_run(run_name="model") as third:
    is_new = mlflow.__version__.startswith("3.")
    name = {"name": "clf"} if is_new else {"artifact_path": "clf"}
    info = mlflow.sklearn.log_model(model, registered_model_name="iris-clf", **name)
    for uri in [info.model_uri, "runs:/%s/clf" % third.info.run_id]:
        assert (mlflow.sklearn.load_model(uri).predict(X) == model.predict(X)).all()
    mlflow.log_table({"a": [1, 2]}, "t.json")
print("logged with", mlflow.__version__)
