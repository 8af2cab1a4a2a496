"""What the generator of labelled documents is made of: values that hold, look-alikes that do not, templates, frames."""
