"""Система «Город» of Челябинвестбанк: two steps, kopecks, windows-1251."""
