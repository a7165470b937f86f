"""Unblinding: the only way to an arm for anybody outside the strongroom, and the register of every use.

``emergency`` one participant, to one investigator; ``physicians`` to a treating physician in their place; ``reported``
what happened outside; ``coding`` arms as A and B for the closed report; ``opening`` all arms
after the lock; ``simulator`` arms of a simulated trial; ``documents`` papers that hold arms; ``envelopes`` those that name a
treatment; ``register`` who, when, why.
"""
