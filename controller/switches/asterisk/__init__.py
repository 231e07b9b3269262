"""Asterisk over AMI."""
