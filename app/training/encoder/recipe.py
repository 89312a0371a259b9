"""What decides an encoder, but the images. Knows numbers only."""

from dataclasses import dataclass, field, replace

from app.training.common.loop import LoopOptions
from app.training.encoder.network import EncoderOptions


@dataclass(frozen=True)
class EncoderRecipe:
    """How the encoder is trained."""

    network: EncoderOptions = field(default_factory=EncoderOptions)  # sizes of the network
    # views that are shown to the teacher, and again and again to the encoder
    lessons: int = 100_000
    rows: int = 64  # views in a step
    # of the views that show photographs with captions, 0 to 1; the others show other images
    share: float = 2 / 3
    # of the first stage, which learns from the teacher alone
    distil: LoopOptions = field(
        default_factory=lambda: LoopOptions(
            steps=5000,
            learning_rate=1.5e-3,
            weight_decay=0.05,
            clip_norm=5.0,
            validate_every=250,
            patience=100,
        )
    )
    # of the second stage, which learns the words of the captions, too
    words: LoopOptions = field(
        default_factory=lambda: LoopOptions(
            steps=1500,
            learning_rate=7e-4,
            weight_decay=0.05,
            clip_norm=5.0,
            warmup=100,
            validate_every=250,
            patience=100,
        )
    )
    word_weight: float = 0.1  # what a wrong word (in nats) counts beside the distillation loss
    seed: int = 0  # of views and weights


def shortened(recipe: EncoderRecipe, steps: int) -> EncoderRecipe:
    """The same recipe with at most so many batches of both stages, and no more views than these."""

    def cut(loop: LoopOptions) -> LoopOptions:
        every = max(1, min(loop.validate_every, steps))
        return replace(loop, steps=min(loop.steps, steps), validate_every=every)

    return replace(
        recipe,
        distil=cut(recipe.distil),
        words=cut(recipe.words),
        lessons=min(recipe.lessons, 2 * steps * recipe.rows),
    )
