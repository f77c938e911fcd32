"""The meaning of the numbers, one case at a time: a sentence, a timeline, and the sum done by hand.

The cases are those of the metric definitions, the fine print of the event contract and docs/decisions/0001. The day is
2024-03-04, a Monday; instants are UTC. In the timelines a letter is an event of the conversation of that name.
"""
