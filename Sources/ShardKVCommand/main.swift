print("shardkv")
