/* A model of -coherent: may a reader get a value that it must not get?
 *
 * MODELLED: one key; writes, flushes and an expiry in Redis; the connection on which Redis reports them, as a queue in
 * which the answer to a proof overtakes the report of a write of the same turn of Redis; two fetchers, each with a
 * connection and at most one flight; any number of readers, of whom one is watched and the others are a crowd that asks
 * at any time and waits for every flight; the proxy's entry, flights, lease, epoch and floor; connections that are
 * lost, or silent for any time (half-open); time-outs; and a failover from server A to server B.
 *
 * LEFT OUT: a value is the number of its write, so that an older value is a smaller number. A new epoch detaches the
 * flights at once; in the source, the next request for the key does. A proof may be sent at any time, not only every
 * L/4. A request that finds both fetchers busy arrives later. Each step is one that holds the lock of the stripe. Every
 * server tells who it is (INFO). Commands that are forwarded to Redis unchanged are left out.
 *
 * PROPERTIES, one for each run (P=1 ... 4):
 *   1 age      No hit was overwritten more than L before the request arrived, nor had it expired. A fetched answer is
 *              no older either, unless Redis says so: a server that is no longer the master answers what it has. Stale
 *              answers (-stale-if-error) have a limit of their own.
 *   2 reports  After the report of a write or a flush is processed, or a subscription begins, no request that arrives
 *              later gets an older value than was written by then, not even a stale one.
 *   3 order    A request that arrives after another has ended gets no older value than that one.
 *   4 hits     Once faults have stopped, a hit follows (under weak fairness).
 * Property 1 has a clock of whole ticks: the lease runs for L of them, and an age stops at L + 1. The others hold
 * without one, in more runs than a clock allows: the lease lapses and is renewed at any time, and no answer is too old.
 *
 * ASSUMED of a failover: B has every write that A has answered when the address leads to B, and the address moves once.
 * Without NO_LOST_WRITES, `order` fails as it must: Redis itself went backwards.
 *
 * CONFIGURATIONS: WRITES=n, FETCHERS=n, FLUSHES, STALE (-stale-if-error), TTL (a write may set an end), FAILOVER (A is
 * demoted before B takes writes), SPLIT (A goes on as a master: the bound is then WATCH ticks). How many of each there
 * are in one run is bounded by what can be searched in a minute; check.sh has the runs.
 *
 * RULES: WITHOUT='RULE+RULE' takes them out; check.sh does it with each. Behind each is where the source has it. */
#define PREVIOUS_PROOF 1          /* redis/lease.h: the lease runs from the sending of the previous proof */
#define ROLE 2                    /* redis/tracking.h: a proof counts only from a master */
#define DETACH 4                  /* cache/stripe.cc, Erase: an invalidation detaches the flight */
#define EPOCH_AT_RECONNECT 8      /* cache/cache.cc, BeginEpoch: a subscription begins a new epoch */
#define EPOCH_AT_LOSS 16          /* cache/cache.cc, EndEpoch: and so does its loss */
#define FLOOR 32                  /* cache/cache.cc, Flush: what is older than a flush or a subscription is gone */
#define ONE_FETCH 64              /* cache/stripe.h: one fetch serves a flight */
#define SUPERSEDE 128             /* cache/stripe.cc: the answer of a detached flight removes the entry */
#define ASK_AGAIN 256             /* the same: and what the attached flight brings is fetched again */
#define NO_CHAIN 512              /* the same: that flight is not detached in its turn, or that would never end */
#define REFETCH 1024              /* proxy/read_through.cc, OnFetched: an old answer is fetched again */
#define END_OF_ANSWER 2048        /* IsVouchedFor: Redis does not report at once that a key has expired */
#define END_FROM_SENDING 4096     /* EndInRedis: the TTL counts from before the GET was sent */
#define IDENTITY 8192             /* redis/current_server.h: a connection to another server outdates all others */
#define NEWEST_BEGUN 16384        /* the same: unless they are newer */
#define NO_LATE_PROOF 32768       /* proxy/coherence.cc: an outdated subscription begins and renews nothing */
#define ADDRESS_WATCH 65536       /* redis/address_watch.h: within WATCH ticks, it notices that the address has moved */
#define NO_LOST_WRITES 131072     /* what is assumed of a failover */
#ifndef WITHOUT
#define WITHOUT 0
#endif
#define RULE(rule) (((WITHOUT) & rule) == 0)

#ifndef L
#define L 1
#endif
#ifndef WRITES
#define WRITES 2
#endif
#ifndef FETCHERS
#define FETCHERS 2
#endif
#define WATCH (L + 1)
#ifdef SPLIT
#define FAILOVER
#define BOUND WATCH
#else
#define BOUND L
#endif
#if P == 1
#define CLOCK
#endif

#define A 0
#define B 1
#define OLDER(age, limit) age = (age <= limit -> age + 1 : age)
#define RAISE(x, v) x = (v > x -> v : x)
#define WHEN(condition, ...) if :: condition -> __VA_ARGS__ :: else fi

mtype = { none, started, ready, sent, taken, answered, /* of connections, flights and proofs */
          current, old,                                /* of an entry: of this epoch, or of one above the floor */
          key, flush, proof };                         /* of what Redis sends to the subscriber */

/* --- Redis -------------------------------------------------------------------------------------------------------- */

byte last;     /* the newest version, which the master has */
byte frozen;   /* the version that A keeps after the failover */
byte ttl;      /* of the newest version, in ticks; 0 is none */
byte failover; /* 1: A is demoted, 2: B is a master, 3: the address leads to B */
#define AUTHORITY (failover >= 2)
#define ADDRESS (failover == 3)
#define VERSION_OF(server) (server == AUTHORITY -> last : frozen)
#ifdef SPLIT
#define MASTER(server) (server == A || failover == 3)
#else
#define MASTER(server) (server == A -> failover == 0 : failover >= 2)
#endif

/* What the subscriber's connection carries. What a turn has queued for its end is not in the channel yet. */
chan reports = [3] of { mtype, byte, bit }; /* kind, version, whether the role is master */
byte pending;                               /* the version of a write of this turn */
mtype ask = none; /* CLIENT TRACKING or the proof under way: sent, taken by Redis in this turn, or answered */
bit ask_master;
byte ask_version;
bit tracked;
/* Only property 2 asks which version a report is of. */
#define SEEN(v) (P == 2 -> v : 1)

/* --- The proxy ---------------------------------------------------------------------------------------------------- */

mtype subscriber = none; /* started: it connects; ready: it asks for tracking; current: it follows */
bit subscriber_at, subscriber_old; /* its server; whether another server was found since it began to connect */
bit present;                       /* CurrentServer: the server to which connections lead */
bit live, peer;                    /* Coherence: whether writes are reported, and by which server */

/* Lease: ticks since these were sent: the proof under way, the last answered proof, and the one before that. */
byte ask_age, answered_age, proven_age;
bit lapsed;
#ifdef CLOCK
#define TRUSTED (live && proven_age <= L)
#else
#define TRUSTED (live && !lapsed)
#endif

mtype entry = none; /* current or old */
byte entry_version, entry_left;

mtype conn[2] = none;   /* a fetcher's connection: started or ready */
bit conn_at[2], conn_old[2];
mtype flight[2] = none; /* ready, sent (the GET), answered (by Redis) */
bit attached[2], storable[2], again[2];
byte age[2], version[2], ends[2]; /* ticks since the GET was sent; its answer: the value and the TTL */
bit by_replica[2];                /* for property 1: the server that answered was not the authority */

/* --- What is checked ---------------------------------------------------------------------------------------------- */

byte waits;       /* 1 + the fetcher whose flight the watched reader waits for, or 0 */
byte need;        /* the oldest version that it may get */
byte floor;       /* property 1: the oldest version that was not overwritten more than BOUND ago; 2: the newest that was
                   * reported; 3: the newest that was delivered */
byte expired;     /* property 1: the version after the one that expired last, or 0 */
byte since[WRITES + 1]; /* property 1: by version, ticks since it was overwritten */
bit calm, hit;    /* property 4: faults have stopped; a hit has followed */
hidden byte i, other, v;
hidden mtype kind;
hidden byte is_master;

inline Serve(value, is_exempt) {
  assert(P == 4 || (P == 1 && is_exempt) || value >= need);
  need = 0; waits = 0
}

/* The reader gets an error, or in its place an old entry: Stripe::GetStale. */
inline Fail() {
#ifdef STALE
  WHEN(entry != none, Serve(entry_version, true));
#endif
  need = 0; waits = 0
}

inline Drop() { entry = none; entry_version = 0; entry_left = 0 }
inline ClearAnswer(c) { again[c] = 0; age[c] = 0; version[c] = 0; ends[c] = 0; by_replica[c] = 0 }
inline EndFlight(c) { flight[c] = none; attached[c] = 0; storable[c] = 0; ClearAnswer(c) }
inline Close(c) { conn[c] = none; conn_at[c] = 0; conn_old[c] = 0 }

/* Stripe::Erase detaches the flight, and so does Stripe::JoinOrStart if its epoch has ended. */
inline Detach() { attached[0] = 0; storable[0] = 0; attached[1] = 0; storable[1] = 0 }

inline NewEpoch() {
  Detach();
#ifdef STALE
  entry = (entry == none -> none : old)
#else
  Drop()
#endif
}

/* Cache::Flush, Cache::BeginEpoch, Cache::EndEpoch. What lies below the floor is gone. */
inline Flush() { NewEpoch(); WHEN(RULE(FLOOR), Drop()) }
inline BeginEpoch() { live = 1; WHEN(RULE(EPOCH_AT_RECONNECT), Flush()) }
inline EndEpoch() { live = 0; lapsed = 0; WHEN(RULE(EPOCH_AT_LOSS), NewEpoch()) }

/* CurrentServer: a connection, or the watch, has found another server than the present one. */
inline Move(server) {
  present = server;
  conn_old[0] = (conn[0] != none); conn_old[1] = (conn[1] != none); subscriber_old = (subscriber != none);
  EndEpoch()
}

/* Coherence::OnInvalidated. */
inline Invalidate() { Drop(); WHEN(RULE(DETACH), Detach()) }

#define IDLE(c) (flight[c] == none)
#define UNDER_WAY(c) (flight[c] == sent || flight[c] == answered)

/* A detached flight has an answer, which may be newer than the entry, and than what the attached flight brings. */
inline Supersede(c) {
  other = 1 - c;
  WHEN(RULE(SUPERSEDE), Drop());
  WHEN(RULE(SUPERSEDE) && RULE(ASK_AGAIN) && attached[other] && UNDER_WAY(other), again[other] = 1);
  WHEN(!RULE(NO_CHAIN), Detach())
}

/* ReadThrough::IsVouchedFor: a write since the GET would have been reported, but not an expiry. */
#define ENDED(c) (ends[c] != 0 && ends[c] <= age[c])
#define VOUCHED(c) (attached[c] && TRUSTED && conn_at[c] == peer && !(ENDED(c) && RULE(END_OF_ANSWER)))
#define TOO_OLD(c) (age[c] > L && !VOUCHED(c) && RULE(REFETCH))

/* ReadThrough::MayStore, Stripe::Supersede, Stripe::Finish, ReadThrough::AnswerAll. */
inline Finish(c) {
  if :: attached[c] -> Drop() :: else -> Supersede(c) fi;
  WHEN(attached[c] && storable[c] && conn_at[c] == peer && !ENDED(c),
       entry = current; entry_version = version[c];
       entry_left = (ends[c] && RULE(END_FROM_SENDING) -> ends[c] - age[c] : ends[c]));
  WHEN(waits == c + 1, Serve(version[c], by_replica[c]));
  WHEN(P == 3, RAISE(floor, version[c]));
  EndFlight(c)
}

/* --- The processes: every step is atomic -------------------------------------------------------------------------- */

active [FETCHERS] proctype Fetcher() {
  do
#ifdef FAILOVER
  :: d_step { flight[_pid] == ready && conn[_pid] == none -> conn[_pid] = started; conn_at[_pid] = ADDRESS }
  :: d_step { conn[_pid] == started -> /* INFO server is answered: CurrentServer */
       conn[_pid] = ready;
       if
       :: conn_old[_pid] && RULE(NEWEST_BEGUN) -> Close(_pid)
       :: else -> WHEN(conn_at[_pid] != present && RULE(IDENTITY), Move(conn_at[_pid])); conn_old[_pid] = 0
       fi }
  :: d_step { flight[_pid] == ready && conn[_pid] == ready && conn_old[_pid] -> Close(_pid) }
  :: d_step { flight[_pid] == ready && conn[_pid] == ready && !conn_old[_pid] -> flight[_pid] = sent }
#else
  :: d_step { flight[_pid] == ready -> flight[_pid] = sent }
#endif
  :: d_step { flight[_pid] == sent -> /* Redis runs GET and PTTL */
       flight[_pid] = answered; version[_pid] = VERSION_OF(conn_at[_pid]); ends[_pid] = ttl;
       by_replica[_pid] = (P == 1 && conn_at[_pid] != AUTHORITY) }
  :: d_step { flight[_pid] == answered -> /* ReadThrough::OnFetched */
       if
       :: again[_pid] || TOO_OLD(_pid) -> flight[_pid] = ready; ClearAnswer(_pid)
       :: else -> Finish(_pid)
       fi }
  :: d_step { UNDER_WAY(_pid) && !calm -> /* the connection is lost */
       Close(_pid); flight[_pid] = ready; ClearAnswer(_pid) }
  :: d_step { flight[_pid] != none && !calm -> /* the deadline passes: Stripe::TryAbandon */
       WHEN(flight[_pid] != ready, Close(_pid));
       WHEN(waits == _pid + 1, Fail());
       EndFlight(_pid) }
  od
}

#define HIT (entry == current && TRUSTED)
#define MAY_START(c) (IDLE(c) && !HIT && !attached[0] && !attached[1])

/* Stripe::JoinOrStart. */
inline Start(c) {
  flight[c] = ready; attached[c] = 1; storable[c] = TRUSTED;
  WHEN(!RULE(ONE_FETCH) && IDLE(1 - c), flight[1 - c] = ready; attached[1 - c] = 1; storable[1 - c] = storable[c])
}

active proctype Crowd() {
  do
  :: d_step { MAY_START(0) && !hit -> Start(0) }
#if FETCHERS > 1
  :: d_step { MAY_START(1) && !hit -> Start(1) }
#endif
  od
}

active proctype Reader() {
  do
  :: d_step { waits == 0 && !hit && (HIT || attached[0] || attached[1]) -> /* it asks */
       need = floor;
       if
       :: HIT ->
          assert(expired == 0 || entry_version != expired - 1);
          Serve(entry_version, false); hit = (P == 4 && calm)
       :: !HIT && attached[0] -> waits = 1
       :: else -> waits = 2
       fi }
  :: d_step { waits && !calm -> Fail() } /* its own time-out: Stripe::Leave */
  od
}

inline Disconnect() {
  subscriber = none; subscriber_at = 0; subscriber_old = 0; tracked = 0; pending = 0;
  ask = none; ask_master = 0; ask_version = 0; ask_age = 0; answered_age = 0; proven_age = 0;
  do :: nempty(reports) -> reports ? kind, v, is_master :: empty(reports) -> break od;
  WHEN(live, EndEpoch())
}

/* The subscriber, and what Redis does for its connection. */
active proctype Subscriber() {
  do
#ifdef FAILOVER
  :: d_step { subscriber == none -> subscriber = started; subscriber_at = ADDRESS }
  :: d_step { subscriber == started -> /* INFO server is answered */
       subscriber = ready; ask = sent;
       if
       :: subscriber_old -> Disconnect()
       :: else -> WHEN(subscriber_at != present && RULE(IDENTITY), Move(subscriber_at); subscriber_old = 0)
       fi }
  :: d_step { subscriber_old -> Disconnect() }
#else
  :: d_step { subscriber == none -> subscriber = ready; ask = sent }
#endif
#ifdef CLOCK
  :: d_step { subscriber == current && ask == none -> ask = sent } /* a proof is sent */
#else
  :: d_step { live && !lapsed && !calm -> lapsed = 1 }
  :: d_step { live && lapsed -> lapsed = 0 } /* by a proof */
#endif
  :: d_step { ask == sent -> /* Redis takes it in some turn */
       ask = taken; tracked = 1; ask_version = SEEN(VERSION_OF(subscriber_at));
       ask_master = MASTER(subscriber_at) || !RULE(ROLE) }
  :: d_step { (ask == taken || pending) && len(reports) < 2 -> /* the turn ends, and the answer is before the report */
       WHEN(ask == taken, reports ! proof, ask_version, ask_master; ask = answered; ask_master = 0; ask_version = 0);
       WHEN(pending > 0, reports ! key, pending, 0; pending = 0) }
  :: d_step { nempty(reports) -> /* Tracking, and Coherence */
       reports ? kind, v, is_master;
       kind = ((subscriber_old && RULE(NO_LATE_PROOF)) || (kind == proof && !is_master) -> none : kind);
       if
       :: kind == none -> Disconnect(); v = 0
       :: kind == proof && subscriber == ready -> /* OnLive */
          subscriber = current; ask = none; answered_age = proven_age; peer = subscriber_at; BeginEpoch()
       :: kind == proof && subscriber == current -> /* OnLease, Lease::OnProofAnswered */
          ask = none; live = 1; proven_age = (RULE(PREVIOUS_PROOF) -> answered_age : ask_age);
          answered_age = ask_age; ask_age = 0
       :: kind == key -> Invalidate()
       :: kind == flush -> Flush()
       fi;
       WHEN(P == 2, RAISE(floor, v)) }
  :: d_step { subscriber != none && !calm -> Disconnect() } /* it is lost, or silent for too long */
  od
}

#define REPORTS (tracked && subscriber_at == AUTHORITY)
inline Write(end) { last++; ttl = end; WHEN(REPORTS, pending = SEEN(last)) }
#define MAY_WRITE(n) (last + n <= WRITES && failover != 1 && !calm)

active proctype World() {
  do
  :: d_step { MAY_WRITE(1) -> Write(0) }
#ifdef FLUSHES
  :: d_step { MAY_WRITE(1) && len(reports) < 2 -> last++; WHEN(REPORTS, reports ! flush, SEEN(last), 0) }
#endif
#ifdef TTL
  :: d_step { MAY_WRITE(2) -> Write(1) }
  :: d_step { MAY_WRITE(2) -> Write(2) }
#endif
#if defined(SPLIT)
  :: d_step { failover == 0 && !calm -> failover = 3; frozen = last }
#elif defined(FAILOVER)
  :: d_step { failover == 0 && !calm -> failover = 1 ; frozen = last }
  :: d_step { failover == 1 -> failover = 2; WHEN(!RULE(NO_LOST_WRITES) && last > 0, last--) }
  :: d_step { failover == 2 -> failover = 3 }
#endif
#ifdef FAILOVER
  :: d_step { ADDRESS != present && RULE(ADDRESS_WATCH) -> Move(ADDRESS) } /* AddressWatch */
#endif
#if P == 4
  :: d_step { !calm && (failover == 0 || failover == 3) -> calm = 1 }
#endif
  od
}

#ifdef CLOCK
byte moved_age;

active proctype Clock() {
  do
  :: d_step { moved_age < WATCH || !RULE(ADDRESS_WATCH) -> /* the watch is in time */
       WHEN(subscriber != none && subscriber != started, OLDER(proven_age, L));
       WHEN(subscriber == current, OLDER(answered_age, L));
       WHEN(subscriber == current && ask != none, OLDER(ask_age, L));
       for (i : 0 .. 1) { WHEN(UNDER_WAY(i), OLDER(age[i], L)) }
#ifdef SPLIT
       moved_age = (ADDRESS == present -> 0 : (moved_age < WATCH -> moved_age + 1 : WATCH));
#endif
       for (i : 0 .. WRITES - 1) { WHEN(i < last, OLDER(since[i], BOUND)) }
       do :: floor < last && since[floor] > BOUND -> floor++ :: else -> break od;
#ifdef TTL
       if :: entry_left == 1 -> Drop() :: entry_left > 1 -> entry_left-- :: else fi;
       /* Redis does not report an expiry for up to a minute. */
       if :: ttl == 1 -> ttl = 0; last++; expired = last :: ttl > 1 -> ttl-- :: else fi;
#endif
       i = 0 }
  od
}
#endif

#if P == 4
ltl hits { [] (calm -> <> hit) }
#endif
