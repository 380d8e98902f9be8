"""Fits a softmax regression to Fisher's iris data, in plain Python 3 without any package.

    python3 train.py [REGULARISATION_RATE]

Splits the 150 flowers into 105 to learn from and 45 to test with (stratified, always the same), learns by
gradient descent with an L2 penalty of the given rate, and logs the accuracy on the test flowers. The model goes
to outputs/model.json. Under azml the numbers land in the run's record; without azml they are printed.
"""

import csv
import json
import math
import os
import sys

try:
    from azureml.logging import get_azureml_logger
except ImportError:  # run by hand: the same script, with a logger that prints

    class _Printer:
        def log(self, name, value):
            print(f"[log] {name}: {value}")

    def get_azureml_logger():
        return _Printer()


LEARNING_RATE = 0.1
EPOCHS = 200
FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
HERE = os.path.dirname(os.path.abspath(__file__))


def read_flowers(path):
    """Returns (measurements, species) for every row."""
    with open(path, newline="", encoding="ascii") as file:
        return [([float(row[name]) for name in FEATURES], row["species"]) for row in csv.DictReader(file)]


def split(flowers, species):
    """Takes three of every ten flowers of each species, evenly spread, for the test."""
    train, test = [], []
    for name in species:
        for place, flower in enumerate(flower for flower in flowers if flower[1] == name):
            (test if place % 10 in (2, 5, 8) else train).append(flower)
    return train, test


def scale(train):
    """Returns the mean and the spread of each feature of the training flowers."""
    means = [sum(x[i] for x, _ in train) / len(train) for i in range(len(FEATURES))]
    spreads = [
        math.sqrt(sum((x[i] - means[i]) ** 2 for x, _ in train) / len(train)) for i in range(len(FEATURES))
    ]
    return means, spreads


def prepare(flowers, means, spreads):
    """Standardises the features and puts a constant 1 in front, for the intercept."""
    return [([1.0] + [(v - m) / s for v, m, s in zip(x, means, spreads)], name) for x, name in flowers]


def probabilities(weights, x):
    """Softmax of the scores of one flower."""
    scores = [sum(w * v for w, v in zip(row, x)) for row in weights]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def fit(train, species, rate):
    """Gradient descent on the mean cross-entropy plus rate/2 times the squared weights (intercepts free)."""
    width = len(FEATURES) + 1
    weights = [[0.0] * width for _ in species]
    for _ in range(EPOCHS):
        gradient = [[0.0] * width for _ in species]
        for x, name in train:
            for k, probability in enumerate(probabilities(weights, x)):
                error = probability - (1.0 if species[k] == name else 0.0)
                row = gradient[k]
                for i in range(width):
                    row[i] += error * x[i]
        for k, row in enumerate(weights):
            for i in range(width):
                penalty = rate * row[i] if i else 0.0
                row[i] -= LEARNING_RATE * (gradient[k][i] / len(train) + penalty)
    return weights


def accuracy(weights, flowers, species):
    """The share of flowers whose likeliest species is the true one."""
    hits = 0
    for x, name in flowers:
        p = probabilities(weights, x)
        hits += species[p.index(max(p))] == name
    return hits / len(flowers)


def main():
    rate = float(sys.argv[1]) if len(sys.argv) > 1 else 0.01
    logger = get_azureml_logger()
    flowers = read_flowers(os.path.join(HERE, "iris.csv"))
    species = sorted({name for _, name in flowers})
    train, test = split(flowers, species)
    means, spreads = scale(train)
    weights = fit(prepare(train, means, spreads), species, rate)
    result = accuracy(weights, prepare(test, means, spreads), species)
    print(f"Trained on {len(train)} flowers, tested on {len(test)}: regularisation {rate}, accuracy {result:.4f}")
    logger.log("Accuracy", result)
    logger.log("Regularization Rate", rate)

    os.makedirs("outputs", exist_ok=True)
    with open(os.path.join("outputs", "model.json"), "w", encoding="ascii") as file:
        model = {"features": FEATURES, "species": species, "means": means, "spreads": spreads, "weights": weights}
        json.dump(model, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
