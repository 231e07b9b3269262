"""A whole telephone system on one machine, to be looked at and tested with."""
