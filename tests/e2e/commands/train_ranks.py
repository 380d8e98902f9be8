"""Two ranks sum their numbers; each logs by azml's logger, the first one with MLflow, too."""
import os

import mlflow
import torch
import torch.distributed as dist
from azureml.logging import get_azureml_logger

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
total = torch.ones(1) * (rank + 1)
dist.all_reduce(total)
os.makedirs("outputs", exist_ok=True)
with open(f"outputs/rank-{rank}.txt", "w") as file:
    file.write(f"{rank} of {world}: {int(total)}\n")
get_azureml_logger().log(f"own_{rank}", rank)
if rank == 0:
    mlflow.log_metric("total", float(total))
    mlflow.log_param("world", world)
print("rank", rank, "of", world, flush=True)
dist.barrier()
dist.destroy_process_group()
