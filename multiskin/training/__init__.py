"""Lightning around the network: the step, the schedule, the callbacks and the run folder."""
