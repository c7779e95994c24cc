"""`python -m benchmarks.pretrained --data DIR`: what the models that come with the package can do.

Each model translates sets that it was not trained on, and gets its card, the README.md of its
directory in `serving/models/`. Which outputs the card shows is decided by their rank, not by hand.
"""

import argparse
import datetime
import json
import re
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.report import markdown_table

BEAM_SIZES = (1, 4)  # greedy, and a beam
SPEED_SENTENCES = 200
SPEED_ROUNDS = 5
# name, source, target, what the set was used for before
_KOREAN = (
    ("Tatoeba, test", "tatoeba_enko/test", "unseen"),
    ("Tatoeba, validation", "tatoeba_enko/valid", "chose the checkpoint"),
    ("Python documentation, test", "enko/pydocs.test", "unseen"),
    ("Python documentation, validation", "enko/pydocs.valid", "chose the checkpoint"),
)
_GERMAN = (
    ("Tatoeba, validation", "tatoeba_ende/valid", "chose the checkpoint"),
    ("Multi30k, test 2016", "multi30k/test_2016_flickr", "unseen, another domain"),
)
SETS = {"ko-en": _KOREAN, "en-ko": _KOREAN, "en-de": _GERMAN, "de-en": _GERMAN}
NAMES = {"ko": "Korean", "en": "English", "de": "German"}
_KOREAN_TEXT = (
    "Learnt from 105,000 pairs that people wrote: the language of software documentation for the "
    "most part, 11,500 voice commands, 4,900 everyday sentences; from 58,000 everyday English "
    "sentences whose Korean an earlier model of this package wrote; and from the project's "
    "phrasebook. None of the test pairs is among them; sides of some are, with other translations: "
    "of Tatoeba's 500, 31 Korean and 10 English ones, of the documentation's 1,531, 7 Korean ones. "
    "Text of other kinds (news, talk, poetry), rare words and names come "
    "out wrong, and it will not say so."
)
_GERMAN_TEXT = (
    "Learnt from 165,000 short everyday sentences, 6 or 7 words long. None of the pairs below is "
    "among them; of the 2,000 validation sentences 244 German ones are, with other English. Long "
    "sentences, other kinds "
    "of text, rare words and names come out wrong, and it will not say so."
)
LIMITS = {
    "ko-en": _KOREAN_TEXT,
    "en-ko": _KOREAN_TEXT + " Documentation comes out polite (-습니다), everyday sentences mostly "
    "plain; which one cannot be chosen.",
    "de-en": _GERMAN_TEXT,
    "en-de": _GERMAN_TEXT + " Whether it says du or Sie cannot be chosen.",
}


def measure(directory, data):
    """What one model does with its sets.

    Returns:
        dict: `scores`, a list of dicts (`set`, `use`, `sentences`, `bleu` and `chrf` of each beam
        size, `signatures`); `speed`, sentences/s of each beam size, one thread, one sentence at a
        time, and `timed`, which they were; `examples`, a list of dicts (`set`, `rank`, `source`,
        `translation`, `reference`).
    """
    from training.evaluate import evaluate
    from training.readers import read_lines

    source, target = directory.name.split("-")
    scores, examples, first = [], [], None
    for name, path, use in SETS[directory.name]:
        sources, references = (
            list(read_lines(data / f"{path}.{language}.gz")) for language in (source, target)
        )
        row = {"set": name, "use": use, "sentences": len(sources), "bleu": [], "chrf": []}
        for beam_size in BEAM_SIZES:
            found = evaluate(directory, sources, references, beam_size=beam_size)
            print(f"{directory.name}, {name}, beam {beam_size}:", *found.lines(), sep="\n  ")
            row["bleu"].append(found.bleu)
            row["chrf"].append(found.chrf)
        row["signatures"] = [found.bleu_signature, found.chrf_signature]
        scores.append(row)
        if "unseen" in use or first is None:
            first = first or (name, sources)
            examples += [
                {"set": name, **example}
                for example in ranked(sources, found.translations, references)
            ]
    name, sources = first
    timed = sources[:SPEED_SENTENCES]
    length = sum(map(len, timed)) / len(timed)
    return {
        "scores": scores,
        "speed": speed(directory, timed),
        "timed": f"{len(timed)} of {name}, {length:.0f} characters each",
        "examples": examples,
    }


def ranked(sources, translations, references):
    """Five outputs by chrF: at the 95th, 75th, 50th, 25th and 5th percentile of the set."""
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    order = sorted(
        range(len(sources)),
        key=lambda at: metric.sentence_score(translations[at], [references[at]]).score,
    )
    return [
        {
            "rank": percent,
            "source": sources[place],
            "translation": translations[place],
            "reference": references[place],
        }
        for percent in (95, 75, 50, 25, 5)
        for place in [order[(len(order) - 1) * percent // 100]]
    ]


def speed(directory, sources):
    """Sentences per second of each beam size, one at a time on one thread; the fastest round."""
    from serving.translator import Translator

    translator = Translator.load(directory, threads=1)
    fastest = dict.fromkeys(BEAM_SIZES, float("inf"))
    for beam_size in BEAM_SIZES * SPEED_ROUNDS:
        start = time.perf_counter()
        for source in sources:
            translator.translate(source, beam_size=beam_size)
        fastest[beam_size] = min(fastest[beam_size], time.perf_counter() - start)
    return [len(sources) / seconds for seconds in fastest.values()]


def card(directory, found):
    """A model's card in Markdown."""
    from training.recipe import load_recipe

    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    about, decoding, name = manifest["about"], manifest["decoding"], directory.name
    source, target = (NAMES[code] for code in name.split("-"))
    size = sum(file["bytes"] for file in manifest["files"].values())
    scores = markdown_table(
        ("set", "sentences", "BLEU: greedy, beam", "chrF: greedy, beam", "used before"),
        [
            (
                each["set"],
                f"{each['sentences']:,}",
                *(", ".join(f"{score:.2f}" for score in each[key]) for key in ("bleu", "chrf")),
                each["use"],
            )
            for each in found["scores"]
        ],
    )
    signatures = ", ".join(f"`{signature}`" for signature in found["scores"][0]["signatures"])
    examples = "\n".join(
        f"| {each['set']} | {each['rank']} | {_cell(each['source'])} | "
        f"{_cell(each['translation'])} | {_cell(each['reference'])} |"
        for each in found["examples"]
    )
    config = manifest["model"]["config"]
    shape = (
        f"{config['encoder_layers']}+{config['decoder_layers']} layers of {config['width']} "
        f"features, {config['target_vocabulary_size']:,} subwords shared by both languages; "
        f"{int(about['parameters']):,} weights"
    )
    recipe = f"pretrained_{name.replace('-', '_')}"
    starts_from = load_recipe(recipe).model.start_from
    goes_on = ", which goes on from another run, as its first lines say" if starts_from else ""
    return f"""# {name}: {source} to {target}

    echo … | python -m serving translate {name}

    from serving import Translator
    Translator.load("{name}").translate("…").text

- Model: Transformer, {shape}; int8; {size / 1e6:.1f} MB with its tokenizer.
- Trained on: {about["training_data"]}.
- Licence of the weights: {about["licence"]}.
- Recipe: `training/recipes/{recipe}.toml`{goes_on}; the checkpoint that
  translated the validation sets best.
- Speed: {found["speed"][0]:.0f} sentences/s greedy, {found["speed"][1]:.0f} with a beam of \
{BEAM_SIZES[1]}, one at a time on one thread, the fastest of {SPEED_ROUNDS} rounds:
  {found["timed"]} ({machine.summary()}; {datetime.date.today().isoformat()}).

## Scores

Of this int8 bundle, greedy and with a beam of {BEAM_SIZES[1]}. Left to itself it searches with a
beam of {decoding["beam_size"]}; length penalty {decoding["length_penalty"]}. sacreBLEU:
{signatures}.

{scores}

## Limits

{LIMITS[name]}

## Outputs, good to bad

With a beam of {BEAM_SIZES[1]}. Not chosen by hand: those at the stated percentile of the set in
chrF.

| set | percentile | source | output | reference |
| --- | ---: | --- | --- | --- |
{examples}
"""


def _cell(text):
    """A text that Markdown shows as it is."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", " ".join(text.split()))


def main(arguments=None):
    """Runs the command."""
    from serving.pretrained import pretrained_models

    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretrained", description=__doc__)
    parser.add_argument("names", nargs="*", help="such as ko-en; default: all there are")
    parser.add_argument("--data", type=Path, required=True, help="where the corpora lie")
    options = parser.parse_args(arguments)
    models = pretrained_models()
    if unknown := set(options.names) - models.keys():
        parser.error(
            f"{', '.join(unknown)}: no model of the package; there are {', '.join(models)}"
        )
    for name in options.names or models:
        path = models[name] / "README.md"
        path.write_text(card(models[name], measure(models[name], options.data)), encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
