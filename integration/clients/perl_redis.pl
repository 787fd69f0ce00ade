# Redis.pm: perl perl_redis.pl PORT. It waits for each answer inside MULTI.
use strict;
use warnings;
eval { require Redis; 1 } or do { print "no Redis.pm\n"; exit 77 };

sub same {
  my ($expected, $got) = @_;
  die "$got instead of $expected\n" if $expected ne ($got // 'nothing');
}
my $r = Redis->new(server => "127.0.0.1:$ARGV[0]");
same('OK', $r->setex('perl:a', 100, '1'));
same('1', $r->get('perl:a'));
same('OK', $r->multi);
same('QUEUED', $r->set('perl:a', '2'));
same('QUEUED', $r->incr('perl:a'));
same('QUEUED', $r->get('perl:a'));
same('OK 3 3', join ' ', $r->exec);
same('3', $r->get('perl:a'));
same('OK', $r->multi);
same('QUEUED', $r->set('perl:a', 'never'));
same('OK', $r->discard);
same('3', $r->get('perl:a'));
# Without waiting.
my @replies;
$r->multi(sub { });
$r->incr('perl:a', sub { });
$r->exec(sub { @replies = @{ $_[0] } });
$r->wait_all_responses;
same('4', $r->get('perl:a'));
