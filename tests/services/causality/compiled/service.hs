{-# LANGUAGE OverloadedStrings #-}
-- GHC: Warp and http-client, a green thread a request on two capabilities; two calls with a delay between them, and a poller.
-- Arguments: port, the callee's port, the name of the poller.
module Main (main) where

import Control.Concurrent (forkIO, threadDelay)
import Control.Monad (forM_, void)
import qualified Data.Text as Text
import Network.HTTP.Client
import Network.HTTP.Types (status200)
import Network.Wai (pathInfo, responseLBS)
import Network.Wai.Handler.Warp (defaultSettings, runSettings, setHost, setPort)
import System.Environment (getArgs)

main :: IO ()
main = do
  [port, callee, poller] <- getArgs
  manager <- newManager defaultManagerSettings {managerConnCount = 64}
  let call path = do
        request <- parseRequest ("http://127.0.0.1:" ++ callee ++ "/down/" ++ path)
        void (httpLbs request manager)
  void . forkIO . forM_ [1 :: Int ..] $ \number -> do
    call ("background." ++ poller ++ "/" ++ show number)
    threadDelay 5000
  runSettings (setPort (read port) (setHost "127.0.0.1" defaultSettings)) $ \request respond -> do
    let name = Text.unpack (pathInfo request !! 1)
    call (name ++ "/1")
    threadDelay 3000
    call (name ++ "/2")
    respond (responseLBS status200 [("Content-Length", "2")] "ok")
