//! The binary: parse, configure, start the log, do what was asked for, and turn the outcome into an exit code.

use sonde::cli::{self, Command, Environment, Failure, Interruption};
use sonde::{config, logging, run, terminal};
use std::process::ExitCode;

fn main() -> ExitCode {
    match act() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{}", failure.report());
            failure.exit_code()
        }
    }
}

fn act() -> Result<ExitCode, Failure> {
    let environment = Environment::of_process();
    let invocation = match cli::parse(std::env::args_os(), &environment) {
        Ok(invocation) => invocation,
        Err(Interruption::Text(text)) => return cli::print(&text).map(|()| ExitCode::SUCCESS),
        Err(Interruption::Failure(failure)) => return Err(failure),
    };
    let begin = |log: &config::Log| {
        logging::start(log)?;
        invocation
            .warnings
            .iter()
            .for_each(|warning| tracing::warn!("{warning}"));
        Ok::<(), Failure>(())
    };
    match invocation.arguments.command {
        None => run_agent(invocation.arguments.run, begin),
        Some(Command::Run(arguments)) => run_agent(*arguments, begin),
        Some(Command::Check(arguments)) => {
            let config = config::Check::resolve(arguments);
            begin(&config.log)?;
            cli::check::run(&config, run::check(&config))
        }
        Some(Command::List(arguments)) => {
            let config = config::List::resolve(*arguments)?;
            begin(&config.log)?;
            cli::print(&run::list(&config)?).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Top(arguments)) => terminal::top(&arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Traces(arguments)) => {
            cli::print(&terminal::traces(&arguments)?).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Trace(arguments)) => {
            cli::print(&terminal::trace(&arguments)?).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Completions { shell }) => cli::completions(shell).map(|()| ExitCode::SUCCESS),
    }
}

fn run_agent(
    arguments: cli::RunArguments,
    begin: impl FnOnce(&config::Log) -> Result<(), Failure>,
) -> Result<ExitCode, Failure> {
    let config = config::Config::resolve(arguments)?;
    begin(&config.log)?;
    run::run(config).map(|()| ExitCode::SUCCESS)
}
