"""What the sanity checks look at: losses, gradients, labels, inputs, the optimizer's parameters.

Each module is one noun, takes numbers and tensors, and answers with a sentence or None. None knows
the loop, the state or a callback: `learnkit.callbacks.sanity_checks` asks them.
"""
