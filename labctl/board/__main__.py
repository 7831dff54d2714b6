"""Runs the web process for labctl.classroom.board, which starts it."""

from labctl.board.process import main

main()
