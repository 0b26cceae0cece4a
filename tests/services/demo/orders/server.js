// The orders service: asks the stock service about each order. An ordinary Express program.
const express = require("express");
const axios = require("axios");

const app = express();
const stock = process.env.STOCK;

app.get("/orders/:number", async (request, response) => {
  const number = Number(request.params.number);
  if (number % 10 === 9) return response.status(404).json({ error: "no such order" });
  const answer = await axios.get(`${stock}/items/${number * 7}`, { validateStatus: () => true });
  response.status(answer.status === 200 ? 200 : 502).json({ number, item: answer.data });
});

app.listen(Number(process.env.PORT), "127.0.0.1");
