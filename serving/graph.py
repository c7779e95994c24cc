"""An id graph in a session: rows of ids and decoding options in, arrays out."""

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort

from serving.manifest import GraphSpec
from serving.options import DecodingOptions
from serving.rows import Row, pad
from serving.session import INPUT_TYPES


class Graph:
    """Runs one of a bundle's id graphs; threads may share it.

    Args:
        session: The graph's session.
        spec: What the manifest says of the graph.
        rows_are_independent: Whether a row's translation is the same in every batch.

    Attributes:
        session: As given.
        inputs: Names of its inputs, each with its value where it is not fed; None where it must be
            fed, or the manifest does not tell.
    """

    def __init__(
        self, session: ort.InferenceSession, spec: GraphSpec, rows_are_independent: bool = True
    ):
        self.session = session
        self.rows_are_independent = rows_are_independent
        self.inputs = {
            tensor.name: tuple(tensor.default)
            if isinstance(tensor.default, list)
            else tensor.default
            for tensor in spec.inputs
        }

    def run(
        self,
        rows: Sequence[Row],
        options: DecodingOptions,
        run_options: ort.RunOptions | None = None,
    ) -> dict[str, np.ndarray]:
        """Translates one batch.

        Args:
            rows: At least one.
            options: Of all rows. Only what differs from the graph's own defaults is fed.
            run_options: Of onnxruntime; a run can be stopped through them.

        Returns:
            int32 ``ids`` (rows, n, T) and ``lengths`` (rows, n), float32 ``scores`` (rows, n), and
            if it is asked for float32 ``attention`` (rows, n, T, S).

        Raises:
            RuntimeError: onnxruntime failed, for want of memory for example.
        """
        feeds = {"source_ids": pad([row.source_ids for row in rows])}
        if any(row.prefix_ids for row in rows):
            feeds["prefix_ids"] = pad([row.prefix_ids for row in rows])
        for name, default in self.inputs.items():
            value = getattr(options, name, default)
            if value != default:
                feeds[name] = np.asarray(value, INPUT_TYPES[name])
        names = ["ids", "lengths", "scores"] + ["attention"] * options.return_attention
        try:
            arrays = self.session.run(names, feeds, run_options)
        except Exception as error:  # onnxruntime's errors share no other base class
            raise RuntimeError(
                f"Translator: onnxruntime could not translate {len(rows)} texts with beam_size "
                f"{options.beam_size} ({error}). If memory was short, lower batch_size or "
                "beam_size."
            ) from error
        return dict(zip(names, arrays, strict=True))
