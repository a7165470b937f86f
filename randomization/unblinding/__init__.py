"""Unblinding: the only way to an arm for anybody outside the strongroom, and the register of every use.

``emergency`` one participant, to one investigator; ``coding`` arms as A and B for the closed report; ``opening`` all arms
after the lock; ``simulator`` arms of a simulated trial; ``documents`` papers that hold arms; ``register`` who, when, why.
"""
