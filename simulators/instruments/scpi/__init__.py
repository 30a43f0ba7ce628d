"""SCPI as instruments of many vendors share it: messages, command trees, values, status."""
