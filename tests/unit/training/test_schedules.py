"""Learning rates at hand-computed steps."""

import keras
import pytest

from training.schedules import InverseSquareRoot, Noam


@pytest.mark.parametrize(("step", "rate"), [(0, 0.02), (49, 1.0), (99, 2.0), (399, 1.0)])
def test_inverse_square_root_rises_to_the_peak_and_decays(step, rate):
    assert float(InverseSquareRoot(peak=2.0, warmup_steps=100)(step)) == pytest.approx(rate)


def test_noam_is_the_equation_of_the_paper():
    for step in (1, 3999, 4000, 100_000):
        expected = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert float(Noam(512, 4000)(step - 1)) == pytest.approx(expected, rel=1e-5)


def test_noam_equals_inverse_square_root_of_its_peak():
    noam = Noam(width=64, warmup_steps=10, scale=2.0)
    same = InverseSquareRoot(peak=2.0 * 64**-0.5 * 10**-0.5, warmup_steps=10)
    for step in (0, 5, 9, 10, 50):
        assert float(noam(step)) == pytest.approx(float(same(step)), rel=1e-5)


@pytest.mark.parametrize("schedule", [InverseSquareRoot(0.5, 10), Noam(64, 10, 0.7)])
def test_schedule_survives_serialisation_inside_an_optimizer(schedule):
    optimizer = keras.optimizers.Adam(schedule)
    copy = keras.optimizers.Adam.from_config(optimizer.get_config())
    assert copy._learning_rate.get_config() == schedule.get_config()


def test_schedule_names_every_bad_argument():
    with pytest.raises(ValueError, match=r"peak is not positive[\s\S]*warmup_steps is not"):
        InverseSquareRoot(peak=0.0, warmup_steps=-1)
