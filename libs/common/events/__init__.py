"""What Leadflow's services say to each other and to the world: one file per noun.

``topics`` registers every topic with its event, key, owner and readers; ``examples/`` holds one golden
message per event, which the tests read back, so that a change that breaks a reader shows before it ships.
"""
