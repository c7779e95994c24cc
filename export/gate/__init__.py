"""The parity gate: a bundle is kept only if all that is in it computes what Keras computes."""

from export.gate.check import check_bundle

__all__ = ["check_bundle"]
