"""FreeSWITCH over the event socket."""
