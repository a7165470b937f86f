"""What a trial is and what happens in it: the blinded ground floor. Nothing here can name anyone's arm."""
