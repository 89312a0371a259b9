"""What a manifest tells of trained networks. Knows modules; no task and no file."""

from collections.abc import Sequence

from torch import nn

from app.serving.models.manifest import Network
from app.training.common.graph import OPSET


def network_facts(
    members: Sequence[nn.Module], *, cell: str, num_layers: int, hidden_size: int, others: int = 0
) -> Network:
    """Of one network, or of all members of an ensemble.

    others: weights of the version that no member holds as a parameter.
    """
    parameters = sum(each.numel() for member in members for each in member.parameters())
    return Network(
        cell=cell,
        num_layers=num_layers,
        hidden_size=hidden_size,
        parameters=parameters + others,
        opset=OPSET,
        members=len(members),
    )
