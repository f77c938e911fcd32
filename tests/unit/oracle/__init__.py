"""Golden cases for the oracle: tiny logs, the sum done by hand in a comment beside each.

Each case is a line of the fine print of the event contract, of docs/decisions/0001, or one of the cases that other
tools got wrong. The day is 2024-03-04 (a Monday) unless an instant names another one.
"""
