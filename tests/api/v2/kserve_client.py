"""`python kserve_client.py URL MODEL`: asks with KServe's own client, prints what came as JSON.

Runs in an environment with the package kserve and without this project. The model takes `values`
(batch, time, 1) and gives `output`.
"""

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def ask(url: str, model: str) -> dict[str, Any]:
    """What the service says of itself and of the model, and what the model says."""
    async with InferenceRESTClient(RESTConfig(protocol="v2", timeout=60)) as client:
        found: dict[str, Any] = {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model_ready": await client.is_model_ready(url, model),
        }
        rows = np.array([[[0.5], [1.0], [-2.0]]], np.float32)
        for binary in (False, True):
            given = InferInput("values", [*rows.shape], "FP32")
            given.set_data_from_numpy(rows, binary_data=binary)
            answer = await client.infer(url, InferRequest(model, [given]), model_name=model)
            (output,) = [each for each in answer.outputs if each.name == "output"]
            found["binary" if binary else "json"] = output.as_numpy().tolist()
            found["model"] = answer.model_name
        try:
            await client.infer(url, InferRequest("nobody", [given]), model_name="nobody")
        except httpx.HTTPStatusError as error:
            found["refused"] = [error.response.status_code, str(error)]
        found["unknown_ready"] = await is_ready(client, url, "nobody")
    return found


async def is_ready(client: InferenceRESTClient, url: str, model: str) -> bool:
    try:
        return bool(await client.is_model_ready(url, model))
    except httpx.HTTPStatusError:
        return False


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(*sys.argv[1:]))))
