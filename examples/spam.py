"""Ham or spam: an LSTM that reads messages, beside word counts and logistic regression.

    python examples/spam.py
    python examples/spam.py --full --data sms_spam/sms.tsv

At toy size the messages are 64 of our own in examples/data; ``--data`` names a file of lines
"label, tab, message" such as the SMS Spam Collection (UCI, 5,574 messages, of which 415 say the
same as another one: those stay together on one side of the split). A fifth of each class is held
out. The other model is scikit-learn's TF-IDF and logistic regression, as they come.

With ``--full``, means of the splits of seeds 0 to 4, six epochs each: the LSTM 98.6 % accuracy and
0.949 F1 of spam, word counts 97.1 % and 0.878. Three and a half minutes of one core for all five.
"""

import argparse
from pathlib import Path
from statistics import mean

from learnkit.errors import LearnkitError
from learnkit.text import TextDataBunch, Words, accuracy, text_learner

try:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.pipeline import make_pipeline
except ModuleNotFoundError as error:
    raise SystemExit("This example needs scikit-learn: pip install scikit-learn") from error

MESSAGES = Path(__file__).parent / "data" / "messages.tsv"


def read(path, seed, **options):
    """Return a bunch of the messages."""
    return TextDataBunch.from_csv(
        path,
        delimiter="\t",
        header=False,
        quotes=False,
        label_col=0,
        text_col=1,
        batch_size=32,
        seed=seed,
        **options,
    )


def counts(path, held):
    """Return what TF-IDF and logistic regression say of messages, trained on all others."""
    lines = Path(path).read_text("utf-8").splitlines()
    rows = [(text.strip(), label) for label, text in (line.split("\t", 1) for line in lines)]
    train = [(text, label) for text, label in rows if text not in set(held)]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    return model.fit(*zip(*train, strict=True)).predict(held)


def compare(path, seed, epochs, lr, **options):
    """Return both models' scores on the messages held out, what was wrong, and the learner."""
    data = read(path, seed, **options)
    learn = text_learner(data, metrics=accuracy)
    learn.fit_one_cycle(epochs, lr, progress=False)
    preds, targets = learn.get_preds()
    held = list(data.valid_texts)
    true, ours = ([data.classes[i] for i in each] for each in (targets, preds.argmax(1)))
    found = {
        name: (accuracy_score(true, said), f1_score(true, said, pos_label="spam"))
        for name, said in (("lstm", ours), ("tf-idf", counts(path, held)))
    }
    wrong = [row for row in zip(true, ours, held, strict=True) if row[0] != row[1]]
    return found, wrong, learn


def main(data=MESSAGES, *, full=False):
    """Print the scores, and the messages that were taken for the other kind; return both."""
    if full:
        runs = [compare(data, seed, epochs=6, lr=3e-3) for seed in range(5)]
    else:
        runs = [compare(data, 0, epochs=15, lr=1e-2, tokenizer=Words(min_freq=1))]
    found = {name: [run[0][name] for run in runs] for name in ("lstm", "tf-idf")}
    for name, rows in found.items():
        right, f1 = (mean(column) for column in zip(*rows, strict=True))
        print(f"{name:7} accuracy {right:.4f}  F1 of spam {f1:.4f}  (mean of {len(rows)} splits)")
    _, wrong, learn = runs[0]
    for true, said, text in wrong:
        print(f"{true} taken for {said}: {text}")
    print("free prize, call now:", learn.predict("free prize, call now"))
    return found, wrong, learn


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default=MESSAGES, help='a file of lines "label, tab, message"')
    parser.add_argument("--full", action="store_true", help="five splits, three and a half minutes")
    try:
        main(**vars(parser.parse_args()))
    except LearnkitError as error:
        raise SystemExit(str(error)) from None
