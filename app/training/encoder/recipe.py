"""What decides an encoder, but the images. Knows numbers only."""

from dataclasses import dataclass, field, replace

from app.training.common.loop import LoopOptions
from app.training.encoder.network import EncoderOptions


@dataclass(frozen=True)
class EncoderRecipe:
    """How the encoder is trained; `lessons` views are shown to the teacher, again and again to it.

    `word_weight` is what a wrong word (in nats) counts beside the distillation loss.
    """

    network: EncoderOptions = field(default_factory=EncoderOptions)
    lessons: int = 100_000
    rows: int = 64
    share: float = 2 / 3
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
    word_weight: float = 0.1
    seed: int = 0


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
