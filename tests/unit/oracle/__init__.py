"""Golden cases for the oracle: tiny logs, each with its sum done by hand in a comment.

Each case covers a line of the fine print of the event contract or of docs/decisions/0001, or a case that other tools
got wrong. The day is 2024-03-04 (a Monday) unless an instant names another one.
"""
