"""Trains a model. Replace the body with your own."""

import os
import sys

from azureml.logging import get_azureml_logger

logger = get_azureml_logger()

rate = float(sys.argv[1]) if len(sys.argv) > 1 else 0.01
logger.log("rate", rate)

os.makedirs("outputs", exist_ok=True)
with open("outputs/model.txt", "w") as model:
    model.write("rate={}\n".format(rate))
