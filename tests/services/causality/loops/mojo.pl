# Mojolicious on its own poll loop: two calls with a timer between them; and, if asked, a poller on the same thread.
use Mojolicious::Lite -signatures;
use Mojo::IOLoop;
use Mojo::Promise;

my $callee = "http://localhost:$ENV{CALLEE}/down";
my $agent  = app->ua->max_connections(64);

if (my $port = $ENV{POLLER}) {
  my $number = 0;
  Mojo::IOLoop->recurring(0.005 => sub { $agent->get_p("$callee/background.$port/" . ++$number) });
}

get '/serve/:id' => sub ($c) {
  my $id = $c->param('id');
  $c->render_later;
  $agent->get_p("$callee/$id/1")
    ->then(sub { Mojo::Promise->timer(0.001 + rand 0.005) })
    ->then(sub { $agent->get_p("$callee/$id/2") })
    ->then(sub { $c->render(text => 'ok') })
    ->catch(sub ($error) { $c->render(text => $error, status => 500) });
};

app->start;
