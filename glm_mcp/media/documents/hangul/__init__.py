"""The documents of Hangul, the word processor of Korea: as XML (HWPX), and as records made into that XML (HWP 5)."""
