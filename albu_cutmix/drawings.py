"""The objects and grounds of the drawn scenes, as data. See `scenes`."""

from __future__ import annotations

__all__ = ["DRAWINGS"]

# First the palettes, of which one is drawn for a and b, then shapes: kind, upper/lower colour
# (RRGGBB or RRGGBBAA), points in hundredths of the object's size. `oval` takes centre and radii,
# `box` two corners, both may repeat; `under` is an oval of light or shade that owns no pixel.
DRAWINGS = {
    "sailboat": """FFF6E3,B0413E FFD98E,22577A FF8A5B,2B2D42; under 0B355066/0B355044 0,9
        50,15; box 6B4A32 -1,-100 1,-10; poly a/DFC7A6 3,-97 16,-62 31,-35 41,-19 3,-19; poly b
        3,-52 21,-52 26,-43 3,-43; poly FFFDF6/D8D3CB -3,-88 -3,-19 -34,-19 -21,-46; poly b/1C1F30
        -46,-15 48,-15 36,3 -32,3; under E8F8FA77 2,5 56,2; poly FFF4E0 -46,-15 48,-15 46,-11
        -43,-11""",
    "buoy": """F0483E,B3202E 35A871,1B6B4A; under 0B355066/0B355044 0,5 22,7; box 3B3B46
        -1,-40 1,-22; oval FFE98A/F2B632 0,-39 5,5; poly a/b -6,-30 6,-30 13,-4 -13,-4; poly
        FFFFFF/C9CCD6 -8,-22 8,-22 11,-13 -11,-13; soft 5A5F80/22223B -22,-7 22,-7 18,3 -18,3; under
        E8F8FA77 0,3 25,2""",
    "balloon": """F94144,F9C74F 277DA1,F1FAEE 9B5DE5,FEE440; box 5A3B25 -8,22 -6,42 6,22
        8,42; soft a 0,-56 34,-54 50,-18 34,12 8,36 -8,36 -34,12 -50,-18 -34,-54; soft b 0,-56
        22,-54 33,-18 22,12 6,36 -6,36 -22,12 -33,-18 -22,-54; soft a 0,-56 9,-54 14,-18 9,12 3,36
        -3,36 -9,12 -14,-18 -9,-54; soft 00000000/0000004D 0,-56 34,-54 50,-18 34,12 8,36 -8,36
        -34,12 -50,-18 -34,-54; soft FFFFFF66/FFFFFF00 -28,-44 -14,-46 -20,-12 -33,-16; soft
        D9A066/6F4526 -11,38 11,38 9,54 -9,54""",
    "sheep": """4A4550,2D2A32 7A5C4F,4B352D; under 1F5B3A77 0,0 60,7; box a/b -33,-30 -27,0
        -20,-30 -14,0 13,-30 19,0 26,-30 32,0; oval FFFFFF/CFCCDB -36,-48 20,18 -20,-30 21,17 5,-28
        22,18 28,-34 20,18; oval FFFFFF/D5D3DE 30,-56 20,17 8,-68 22,17 -18,-66 22,18 -2,-48 34,26;
        oval a/b 34,-72 10,5; soft a/b 34,-86 58,-84 68,-52 50,-40 34,-56; oval FFFFFF 50,-66
        3,3""",
    "tree": """2F6B3A,7DB64F 3D7A35,A3C644 9C5A1F,EDAE49; under 1F5B3A66 0,0 24,3; poly
        8A5A3A/4E3022 -6,0 -3,-50 3,-50 6,0; oval a -24,-46 20,17 24,-46 20,17 0,-45 22,18 -15,-68
        20,18 17,-68 20,18 0,-82 19,17; oval b/a -26,-50 16,13 21,-50 16,13 -2,-49 18,14 -18,-71
        16,14 14,-71 16,14 -3,-85 15,13; oval FF7A62/B3202E -28,-47 3,3 -10,-60 3,3 8,-44 3,3 22,-58
        3,3 -6,-80 3,3 16,-74 3,3""",
    "car": """FF5D5D,8F1D3F FFD166,B3701E 4CC9F0,1D4E89; under 0A0A1EAA 0,0 110,9; soft a/b
        -60,-34 -44,-90 32,-90 66,-34; poly D7F0FF/5C7FA3 -36,-48 -29,-74 -3,-74 -3,-48 3,-48 3,-74
        22,-74 38,-48; soft a/b -96,-54 80,-56 106,-32 98,-6 -98,-6; oval FFF7C2 86,-33 6,6; box
        FF2E4C -88,-40 -80,-30; oval 1B1B28 -48,-14 16,16 50,-14 16,16; oval C8CCDA/6D7188 -48,-14
        8,8 50,-14 8,8""",
    "bus": """F3722C,9A3B1E 43AA8B,1F5F57; under 0A0A1EAA 0,0 145,9; soft a/b -138,-116
        -40,-118 128,-118 138,-60 138,-5 20,-4 -138,-5; box FFF3D6/FFE0A8 -124,-46 128,-40; oval
        FFF7C2 124,-26 6,6; box FFF1B8/F2B95C -114,-96 -80,-58 -72,-96 -38,-58 -30,-96 4,-58 12,-96
        46,-58 54,-96 88,-58; poly D7F0FF/7FA6C9 97,-96 119,-96 126,-58 97,-58; oval 1B1B28 -80,-14
        17,17 82,-14 17,17; oval C8CCDA/6D7188 -80,-14 8,8 82,-14 8,8""",
    "fish": """FF9F1C,FFFFFF FFE14D,2A6F97 FF5C8A,FFD6A5; soft a/C8553D -30,0 -86,-44 -66,0
        -86,44; soft a/C8553D -34,-16 -10,-62 34,-44 24,-16; soft a/C8553D -20,20 -16,50 12,38
        10,20; oval a/E0662F 0,0 52,31; soft b 8,-32 24,-30 28,0 22,30 6,32 14,0; soft b -26,-28
        -12,-32 -6,0 -12,32 -26,28 -20,0; soft C8553D/A63D2F 4,4 -22,22 0,24; oval FFFFFF 35,-7 8,8;
        oval 14213D 37,-7 4,4""",
    "jellyfish": """FFC6FF,9D4EDD CAF0F8,4895EF FFD6A5,F15BB5; poly b/a -30,-6 -24,-6 -29,16
        -22,36 -26,54 -24,36 -34,16; poly b/a -14,-6 -8,-6 -4,18 -12,40 -5,64 -15,42 -10,18; poly
        b/a 2,-6 8,-6 2,20 10,42 4,58 6,42 -4,20; poly b/a 22,-6 28,-6 32,16 24,36 30,56 20,38
        27,16; soft a/b -44,6 -48,-24 -30,-54 30,-54 48,-24 44,6 22,-8 0,8 -22,-8; soft
        FFFFFF99/FFFFFF22 -30,-16 -24,-40 2,-46 -10,-32""",
    "cloud": "FFFFFF99 FFFFFF77; oval a -55,-5 26,14 0,-16 46,24 45,-8 34,17 86,-3 20,10",
    "weed": """2A8C82,1B6A78 3CA27B,1F6F6B; soft a/b -8,6 -18,-40 -10,-62 -22,-90 -13,-60
        -22,-40 -14,6; soft a/b 3,6 6,-40 -4,-66 5,-110 8,-66 -1,-40 -4,6; soft a/b 14,6 20,-34
        14,-56 26,-80 22,-54 27,-34 8,6""",
    "coral": """FF7F8E,C2416B FFB26B,D1495B; soft a/b -8,5 -30,-40 -16,-62 -36,-96 -22,-60
        -36,-40 -20,5; soft a/b 6,5 9,-40 -4,-66 5,-116 13,-66 0,-40 -6,5; soft a/b 22,5 31,-34
        24,-56 40,-90 34,-54 41,-34 10,5""",
    "lamp": """14142B; under FFE29A55/FFE29A22 0,0 36,6; box a -1,-100 1,2 -11,-101 11,-98;
        oval FFF6D0 -11,-95 4,4 11,-95 4,4; under FFDF8E22 -11,-95 9,9 11,-95 9,9""",
    "star": "FFFFFFAA; under a 0,0 100,100",
    "flower": "FFFFFFEE FFD166EE FF8FABEE; under a 0,0 100,100",
    "bubble": "FFFFFF; under FFFFFF55 0,0 100,100; under FFFFFFBB -33,-33 33,33",
    "harbour": "6FB7E9,FFE9C7 EE7B5B,FFDDA1 4D7EA8,F7C5CC; box a/b 0,0 9999,50",
    "meadow": "5AA9E6,E8F6FF 8E9AF0,FFD9E0 59C3C3,FFF3C9; box a/b 0,0 9999,70",
    "city": "0B1240,F08A7E 10183F,5B5F97 231942,E0769A; box a/b 0,0 9999,80",
    "reef": "5FD3E0,0B3C6F 48BFE3,2B2D78 72E0C8,0A5472; box a/b 0,0 9999,100",
    "street": "6B6690,4B4872; box a/b 0,74 9999,79; box 35355A/1B1B36 0,79 9999,100",
}
