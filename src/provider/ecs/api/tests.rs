mod loopback;
mod requests;
mod script;
mod tries;
