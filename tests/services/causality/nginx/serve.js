// Two subrequests with a timer between them.
async function twice(request) {
  const id = request.uri.split('/')[2];
  await request.subrequest(`/call/${id}/1`);
  await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 5));
  await request.subrequest(`/call/${id}/2`);
  request.return(200, 'ok');
}

export default { twice };
