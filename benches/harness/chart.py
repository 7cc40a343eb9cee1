def draw(found): return ""
