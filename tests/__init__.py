"""The tests of Tapeline."""
