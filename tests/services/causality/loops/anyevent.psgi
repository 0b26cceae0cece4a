# AnyEvent on libev, served by Twiggy: two calls with a timer between them, and a poller on the loop's thread.
use AnyEvent;
use AnyEvent::HTTP;

my $callee = "http://localhost:$ENV{CALLEE}/down";
$AnyEvent::HTTP::MAX_PER_HOST = 64;

my $number = 0;
our $poller = AE::timer 0.005, 0.005, sub { http_get "$callee/background.$ENV{POLLER}/" . ++$number, sub { } };

sub {
  my ($environment) = @_;
  my ($id) = $environment->{PATH_INFO} =~ m{^/serve/(.*)};
  return sub {
    my ($respond) = @_;
    http_get "$callee/$id/1", keepalive => 1, sub {
      my $timer;
      $timer = AE::timer 0.001 + rand 0.005, 0, sub {
        undef $timer;
        http_get "$callee/$id/2", keepalive => 1, sub { $respond->([200, ['Content-Length' => 2, Connection => 'close'], ['ok']]) };
      };
    };
  };
};
