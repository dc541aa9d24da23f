"""What every process of Relevo shares; knows no process."""
