"""What several replicas share through Redis: the queue in front of each model, what is known of its health, short
messages.
"""
