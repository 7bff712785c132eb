"""Wire formats: pure codecs between bytes and canonical values, each in both roles, with no IO and no clock."""
