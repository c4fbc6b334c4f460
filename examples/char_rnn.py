"""A language model of characters: an LSTM beside an n-gram model, and a text drawn from it.

    python examples/char_rnn.py
    python examples/char_rnn.py --full --data tinyshakespeare/input.txt

Both models guess the next character of the part of the text that was held out; the loss is in nats
a character, the perplexity its exponential. The n-gram model interpolates counts of up to 6
characters (Witten and Bell, 1991). At toy size the text is a nursery rhyme.

--full, on the 1.1 MB of "tiny Shakespeare", seed 42: loss 1.519 (perplexity 4.57, 54.6 % of
characters right) beside 1.698 of the 6-gram model and 2.486 of pairs, in five minutes on one core.
"""

import argparse
import math
from collections import Counter, defaultdict

from learnkit.errors import LearnkitError
from learnkit.text import SequenceDataBunch, language_learner, load_learner, sample

THINGS = """malt that lay in
rat that ate
cat that killed
dog that worried
cow with the crumpled horn that tossed
maiden all forlorn that milked
man all tattered and torn that kissed
priest all shaven and shorn that married
cock that crowed in the morn that woke
farmer sowing his corn that kept""".splitlines()


def rhyme():
    """Return "This is the house that Jack built", which grows by a line with each verse."""
    told, verses = "the house that Jack built.\n", ["This is the house that Jack built.\n"]
    for thing in THINGS:
        told = f"the {thing}\n{told}"
        verses.append(f"This is {told}")
    return "\n".join(verses)


def ngram_loss(train, valid, order, n_tokens):
    """Return the mean loss of an n-gram model that sees ``order - 1`` tokens before each."""
    counts = defaultdict(Counter)
    for i, token in enumerate(train):
        for k in range(min(order, i + 1)):
            counts[tuple(train[i - k : i])][token] += 1
    lost = 0.0
    for i, token in enumerate(valid):
        p = 1 / n_tokens
        for k in range(min(order, i + 1)):
            seen = counts.get(tuple(valid[i - k : i]))
            if seen:  # as many tokens are new as there are different ones
                p = (seen[token] + len(seen) * p) / (seen.total() + len(seen))
        lost -= math.log(p)
    return lost / len(valid)


def main(text=None, full=False, out="char-model", seed=42):
    options = {"seq_len": 64, "batch_size": 32} if full else {"seq_len": 24, "batch_size": 8}
    data = SequenceDataBunch.from_text(text or rhyme(), **options, seed=seed)
    hidden, epochs, lr = (256, 6, 4e-3) if full else (96, 30, 1e-2)
    learn = language_learner(data, hidden=hidden, embedding=64, dropout=0.1 if full else 0.0)
    history = learn.fit_one_cycle(epochs, lr)

    train, valid = data.train_dl.tokens.tolist(), data.valid_dl.tokens.tolist()
    losses = {f"{n}-gram": ngram_loss(train, valid, n, data.n_classes) for n in (1, 2, 3, 6)}
    losses["LSTM"] = history[-1]["valid_loss"]
    print("model      loss  perplexity")
    for name, loss in losses.items():
        print(f"{name:<8}{loss:>7.3f}{math.exp(loss):>12.2f}")

    learn.export(out)
    loaded = load_learner(out)
    print(sample(loaded, "This is ", 400, temperature=0.7, seed=seed))
    return losses, learn, loaded


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="a text in UTF-8; the rhyme by default")
    parser.add_argument("--full", action="store_true", help="the figure above, with --data; 5 min")
    parser.add_argument("--out", default="char-model", help="folder of the export")
    given = parser.parse_args()
    try:
        main(given.data, given.full, given.out)
    except LearnkitError as error:
        raise SystemExit(str(error)) from None
