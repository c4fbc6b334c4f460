"""What the command ``learnkit`` can do: a module per verb, imported when the verb is given."""
