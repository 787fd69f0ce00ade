"""What Jedis sends: python3 like_jedis.py PORT. It waits for the answer to MULTI, sends what follows without waiting,
and reads all the answers before it sends EXEC."""
import socket
import sys

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
replies = connection.makefile("rb")


def send(*words):
    connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))


def expect(*lines):
    for line in lines:
        got = replies.readline().decode().rstrip("\r\n")
        assert got.startswith(line), f"{got} instead of {line}"


send("MULTI")
expect("+OK")
send("SET", "jedis", "1")
send("INCR", "jedis")
send("GET", "jedis")
expect("+QUEUED", "+QUEUED", "+QUEUED")
send("EXEC")
expect("*3", "+OK", ":2", "$1", "2")
send("GET", "jedis")
expect("$1", "2")
send("MULTI")
expect("+OK")
send("SET", "jedis", "never")
expect("+QUEUED")
send("DISCARD")
expect("+OK")
send("MULTI")
send("SET", "jedis", "never")
send("SET", "jedis")
send("EXEC")
send("GET", "jedis")
expect("+OK", "+QUEUED", "-ERR wrong number of arguments for 'set' command", "-EXECABORT", "$1", "2")
