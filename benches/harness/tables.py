def whole(found): return ""
