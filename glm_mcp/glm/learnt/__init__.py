"""What is learnt of each model while it is asked: how many calls at once it takes, and how it fares."""
